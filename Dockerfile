# The whole small server in one image: docker run -p 8080:8080 -v manydoors:/data manydoors
# Both stages are of one base, so that the environment made in the first fits the second.

FROM python:3.11.14-slim-bookworm AS environment
# What some operations need: docker build --build-arg EXTRAS="pictures data" .
ARG EXTRAS=""
COPY requirements.lock /
COPY requirements-pictures.lock /
COPY requirements-data.lock /
RUN python -m venv /opt/manydoors \
    && /opt/manydoors/bin/python -m pip install --no-cache-dir --require-hashes -r /requirements.lock \
    && for extra in $EXTRAS; do \
        /opt/manydoors/bin/python -m pip install --no-cache-dir --require-hashes -r "/requirements-$extra.lock" || exit 1; \
    done

FROM python:3.11.14-slim-bookworm
ENV PATH=/opt/manydoors/bin:$PATH \
    PORT=8080 \
    MANYDOORS_DATA=/data \
    PYTHONUNBUFFERED=1
# The number, so that a platform that asks for a user other than root can see that it is.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin manydoors \
    && install --directory --owner=10001 /data
COPY --from=environment /opt/manydoors /opt/manydoors
WORKDIR /srv/manydoors
COPY app app
# The user may not write here, so bytecode is made now; unchecked, for the files never change.
RUN python -m compileall -q --invalidation-mode unchecked-hash app
USER 10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
# A shell reads $PORT, and gives its place to the server: signals reach it.
CMD ["sh", "-c", "exec python -m app up --host 0.0.0.0 --port \"$PORT\" --data /data"]
