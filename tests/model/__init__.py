"""The transition tables, checked as models: all that they say, and all they leave out.

`machines` lists the machines of the package, `tables` says what must hold for a table,
`walks` feeds the real objects all sequences of events and compares them with it. Each
check returns complaints; `test_checks` breaks tables and sees that it complains.
"""
