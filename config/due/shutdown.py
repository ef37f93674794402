"""Is this process about to end?

What was begun is finished then, and nothing new is claimed: a sweep would go on for as long as something is due, and a
process that is told to stop has seconds. Everything else waits in the database.
"""

import threading

shutting_down = threading.Event()
