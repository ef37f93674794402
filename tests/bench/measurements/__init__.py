"""The measurements, one module each: `measure` starts what it needs, and gives the lines of its report as they come."""
