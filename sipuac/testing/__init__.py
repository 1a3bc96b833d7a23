"""What tests of SIP code need in place of a network and of people with phones.

Everything here runs on a clock that the test moves and takes its chances from a seed,
so that a test that fails once fails always:

- `memory`: a network that delays, loses, doubles, reorders and parts;
- `clock`: lets time pass on a `task.Clock`, event by event;
- `phone` and `script`: phones that ring, answer, refuse, vanish, as a script says;
- `proxy`: a stateful forking proxy by RFC 3261 section 16;
- `identifiers`: branches, tags and Call-IDs that can be read in a failing test;
- `digest_server`: a server that challenges and checks the answers;
- `media`: media that is late, refuses and fails;
- `demo`: a proxy and three phones on loopback sockets;
- `simulate`: `python -m sipuac.testing.simulate`, whole calls by the million.

Phones and proxy speak to any `ITransportLayer`, real sockets included.
"""
