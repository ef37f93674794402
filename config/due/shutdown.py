"""Is this process shutting down?

It finishes what it began and claims nothing new: a sweep runs while rows are due, and a stopping process has seconds.
All other work waits in the database.
"""

import threading

shutting_down = threading.Event()
