"""Looking at jobs, and steering them: what runs, what ran, what waits, what is dead."""
