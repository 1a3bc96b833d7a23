"""The media plug-in interface, and the media that ships with the package."""
