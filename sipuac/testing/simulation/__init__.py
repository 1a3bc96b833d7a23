"""Whole calls by the million: our user agent among proxies, phones and bad weather.

A seed gives a `Scenario`: who is there, what each of them will do, what the network
does to packets, and what the user wants. A `World` plays it on a clock of its own. The
invariants watch every message at the caller's edge, every step, and what is left at the
end; the races that really happened are counted, because one that never happened proves
nothing.

- `scenario`: the values; `draw`, `draw_peers`: a scenario from a seed;
- `clock`, `network`, `wire`: time, packets and messages of the simulated world;
- `peer`, `phone`, `phone_dialog`, `proxy`, `proxy_context`: who is called, and through
  whom; they share no code with what is tested;
- `user`, `forger`: who calls, and who would like to disturb;
- `ledger`: what was seen at the caller's edge; `invariants`: what must hold of it;
  `races`: what happened to happen;
- `world`: all of them together; `shrink`: the least scenario that still fails; `story`:
  the ladder of a failure; `figures`, `runs`: many worlds, added up.

`python -m sipuac.testing.simulate` runs it.
"""
