"""Money that comes in, told of by everybody at once and by nobody: seeded plays on a real PostgreSQL.

Two workers with their scheduled jobs and a web worker take turns at every call of a port, in an order of chance, and
are killed there; time is virtual, both providers are the sandbox, everything else is the worker's own code. The parts
are those of tests/chaos, whose scenes kill at every call once; here many things happen at once.

    conductor   who goes on at which port call: one at a time, by the seed
    fates       what comes in, and what becomes of it
    play        one seed: workers, webhooks, their forger, faults and time
    truth       what the provider has, and so what must be credited, once, or be explained
    oracle      ledger and truth compared in both directions
    points      what must have been seen in some seed
    mutants     changes of the code that the oracle must notice
"""
