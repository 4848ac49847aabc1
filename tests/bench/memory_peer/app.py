"""The peer's web process: FastAPI with a route, as small as such an application can be."""
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health():
    return {"status": "healthy"}
