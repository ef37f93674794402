"""RabbitMQ and the in-memory broker: consumers, nudges and the clock of delayed messages."""
