"""Times of day with seconds: minutes are too coarse for payments."""

DATETIME_FORMAT = "Y-m-d H:i:s"
TIME_FORMAT = "H:i:s"
