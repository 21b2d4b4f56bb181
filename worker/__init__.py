"""The ledger worker: carries commands from RabbitMQ to payment providers and keeps the books."""
