"""Joins the layers: the endpoint, the Inviter and what the application sees."""
