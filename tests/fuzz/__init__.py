"""`make fuzz-http`: hostile requests over real HTTP to every URL of the shop, to find answers of 500.

The schema is the shop itself: its URL patterns give the addresses, the forms on its pages the fields. A request depends
only on the seed, its number and that schema, so SEED replays a run. A request that failed is printed as a curl command.

No library: schemathesis needs an OpenAPI schema, which pages do not have. hypothesis searches for the smallest input of
one function, and here a server remembers what came before.
"""
