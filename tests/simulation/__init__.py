"""Payments without order ids in a hostile world that is made of one number: the same seed, the same story.

Everything is real but time, the database, the broker and the wire: several workers run the flow, the steps, the
loops, the webhooks and the signing provider against the sandbox, on a virtual clock.

    loop        an event loop whose time jumps to the next timer
    rows books outbox store  the ledger's functions in memory; test_store compares them with PostgreSQL
    ledger life bus wire actor  the ports of a worker that may stall and die at each call
    bank post clerk          the provider and its people, its webhooks and their forger, and who decides on reviews
    plan        what a seed makes go wrong
    oracle      what must hold at every commit, whenever a request leaves or a question is answered
    ending      what must hold when all is quiet
    points      what must have been seen in some seed; trace counts it, and keeps the story
    simulation  one seed from its plan to its report
    mutants     changes of the code that the oracle must notice

`python -m tests.simulation SEED` tells the story of a seed.
"""
