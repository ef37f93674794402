"""Stand-ins for the providers: as strict about requests as their published contracts, over real HTTP."""
