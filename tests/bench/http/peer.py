"""The peer: the same two lists and /health as a FastAPI application with SQLAlchemy writes them: ORM rows, a response
model, a connection pool of the usual size, handlers in a thread pool. With PEER_CACHE_S the list of projects is kept that
long as the bytes that were sent."""
import os
import time
from datetime import datetime
from typing import List, Optional

from fastapi import Depends, FastAPI, Response
from pydantic import BaseModel
from sqlalchemy import Boolean, Column, DateTime, Float, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import declarative_base, relationship, sessionmaker

engine = create_engine(os.environ["PEER_DATABASE_URL"])
Session = sessionmaker(bind=engine)
Base = declarative_base()


class Directory(Base):
    __tablename__ = "directories"
    id = Column(Integer, primary_key=True)
    name = Column(String)


class Project(Base):
    __tablename__ = "projects"
    id = Column(Integer, primary_key=True)
    logikal_id = Column(String)
    name = Column(String)
    description = Column(String)
    directory_id = Column(Integer, ForeignKey("directories.id"))
    status = Column(String)
    created_at = Column(DateTime(timezone=True))
    updated_at = Column(DateTime(timezone=True))
    last_sync_date = Column(DateTime(timezone=True))
    last_update_date = Column(DateTime(timezone=True))
    directory = relationship(Directory)


class Phase(Base):
    __tablename__ = "phases"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    project_id = Column(Integer, ForeignKey("projects.id"))
    project = relationship(Project)


class Elevation(Base):
    __tablename__ = "elevations"
    id = Column(Integer, primary_key=True)
    logikal_id = Column(String)
    name = Column(String)
    description = Column(String)
    phase_id = Column(Integer, ForeignKey("phases.id"))
    status = Column(String)
    created_at = Column(DateTime(timezone=True))
    updated_at = Column(DateTime(timezone=True))
    last_sync_date = Column(DateTime(timezone=True))
    last_update_date = Column(DateTime(timezone=True))
    parse_status = Column(String)
    has_parts_data = Column(Boolean)
    width = Column(Float)
    phase = relationship(Phase)


class ProjectOut(BaseModel):
    id: int
    logikal_id: str
    name: str
    description: Optional[str]
    directory_id: Optional[int]
    status: Optional[str]
    created_at: Optional[datetime]
    updated_at: Optional[datetime]
    last_sync_date: Optional[datetime]
    last_update_date: Optional[datetime]
    directory_name: Optional[str]
    is_stale: bool


class ProjectList(BaseModel):
    success: bool = True
    data: List[ProjectOut]
    count: int


def session():
    db = Session()
    try:
        yield db
    finally:
        db.close()


def is_stale(row):
    return row.last_sync_date is None or (row.last_update_date is not None and row.last_update_date > row.last_sync_date)


app = FastAPI()


@app.get("/health")
def health():
    return {"status": "healthy", "version": "1"}


KEPT_S = float(os.environ.get("PEER_CACHE_S", "0"))
kept = {"until": 0, "body": b""}


if KEPT_S:
    @app.get("/api/v1/projects/cached")
    async def kept_projects():
        if time.monotonic() >= kept["until"]:
            db = Session()
            try:
                kept["body"] = projects(db).json().encode()
            finally:
                db.close()
            kept["until"] = time.monotonic() + KEPT_S
        return Response(kept["body"], media_type="application/json")


@app.get("/api/v1/projects/cached", response_model=ProjectList)
def projects(db=Depends(session)):
    rows = db.query(Project).order_by(Project.id).all()
    out = [
        ProjectOut(
            directory_name=p.directory.name if p.directory else None,
            is_stale=is_stale(p),
            **{c.name: getattr(p, c.name) for c in Project.__table__.columns},
        )
        for p in rows
    ]
    return ProjectList(data=out, count=len(out))


@app.get("/api/v1/elevations/cached")
def elevations(db=Depends(session)):
    data = []
    for e in db.query(Elevation).order_by(Elevation.id).all():
        row = {c.name: getattr(e, c.name) for c in Elevation.__table__.columns}
        project = e.phase.project if e.phase else None
        row.update(
            phase_name=e.phase.name if e.phase else None,
            project_name=project.name if project else None,
            directory_name=project.directory.name if project and project.directory else None,
            is_stale=is_stale(e),
        )
        data.append(row)
    return {"success": True, "data": data, "count": len(data)}
