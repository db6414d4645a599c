# The demo and the board in a container: docker build -t semcomp . && docker run -p 7860:7860 semcomp
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_TEMP_DIR=/tmp/semcomp \
    SEMCOMP_CACHE_DIR=/data

# A user of its own; /data holds the board and downloads, and is the one place to mount.
RUN useradd --create-home --uid 1000 semcomp && mkdir /data && chown semcomp /data
WORKDIR /home/semcomp/app

# Exactly the files that the lock knows by their hashes; PyTorch without CUDA has an index of its own.
# To serve from a GPU, install requirements.txt and psycopg[binary] in their place.
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes \
    --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.lock

COPY app.py ./
COPY assets ./assets
COPY semcomp ./semcomp
COPY leaderboard ./leaderboard

USER semcomp
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=9)"]
CMD ["python", "app.py"]
