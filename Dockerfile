# The playground for those who host it themselves, as a user of its own. One volume holds all that is written:
#   docker build -t playground .
#   docker run --read-only --tmpfs /tmp -v playground:/data -p 127.0.0.1:7860:7860 playground
# One container per volume: queue and database are for a single server, and a second one ends with that sentence. The
# first start fetches the models into it.
FROM python:3.12-slim

ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 GRADIO_ANALYTICS_ENABLED=False
RUN useradd --uid 10001 --create-home playground && install -d -o playground -g playground /data
WORKDIR /app

# PyTorch's own index has a build without CUDA, which pip prefers to that of PyPI.
COPY docs/locks/python3.12.txt lock.txt
RUN pip install --extra-index-url https://download.pytorch.org/whl/cpu -r lock.txt
COPY app.py LICENSE NOTICE ./
COPY adapters adapters
COPY retrieval retrieval
COPY playground playground

ENV HOST=0.0.0.0 PORT=7860 PLAYGROUND_DATA=/data HF_HOME=/data/hub
USER 10001
VOLUME /data
EXPOSE 7860
HEALTHCHECK --start-period=5m --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
CMD ["python", "app.py"]
