# The worker, the sandbox and every other command of `ledger-worker` in one image.

# Everything is locked by hash: the build backend too, which is why this stage has the developer's
# packages. Nothing of it but the wheel goes on.
FROM python:3.11-slim AS wheel
WORKDIR /src
COPY requirements-dev.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-dev.txt
COPY pyproject.toml ./
COPY schemas schemas
COPY sql sql
COPY worker worker
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11-slim AS environment
RUN python -m venv /opt/ledger-worker
COPY requirements.txt ./
RUN /opt/ledger-worker/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY --from=wheel /wheels /wheels
RUN /opt/ledger-worker/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim
# No shell, no home, an id that no file of the host has.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ledger
COPY --from=environment /opt/ledger-worker /opt/ledger-worker
# A read-only root has no place for .pyc files, and logs must not wait in a buffer.
ENV PATH=/opt/ledger-worker/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001
# SIGTERM drains the worker.
STOPSIGNAL SIGTERM
ENTRYPOINT ["ledger-worker"]
CMD ["run"]
