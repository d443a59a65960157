"""A stand-in for Stripe: the resources that we use, on loopback, for the demo and the tests.

It keeps state, stores answers by idempotency key as Stripe does, sends signed webhooks, and fails on
request. It moves no money, and production refuses to start with it (`rights.settlement.checks`).
"""
