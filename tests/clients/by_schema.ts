// A client on the types that openapi-typescript makes: a thin fetch, whose paths, bodies and answers the compiler checks.
import type { components, paths } from './schema.js';

type Body<P extends keyof paths> = paths[P] extends { post: { requestBody: { content: { 'application/json': infer B } } } } ? B : never;
type Ok<O> = O extends { responses: { 200: { content: { 'application/json': infer A } } } } ? A : never;

let token = '';

async function call(base: string, method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  return fetch(base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

async function post<P extends keyof paths>(base: string, path: P, body: Body<P>): Promise<Ok<paths[P]['post']>> {
  const answer = await call(base, 'POST', path, body);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return await answer.json() as Ok<paths[P]['post']>;
}

async function get<P extends keyof paths>(base: string, path: P): Promise<Ok<paths[P]['get']>> {
  const answer = await call(base, 'GET', path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return await answer.json() as Ok<paths[P]['get']>;
}

export async function work(base: string, id: string, secret: string, password: string): Promise<string> {
  const login = await post(base, '/api/v1/client-auth/login', { client_id: id, client_secret: secret });
  token = login.access_token;
  // @ts-expect-error: there is no such member
  login.no_such_member;
  const me = await get(base, '/api/v1/client-auth/me');
  const list = await get(base, '/api/v1/projects/cached');
  const first: components['schemas']['Project'] | undefined = list.data[0];
  const admin = await post(base, '/api/v1/admin/login', { username: 'admin', password });
  if (me.client_id !== id || !admin.access_token) throw new Error('logged in as somebody else');
  return `${me.name}, ${list.count} projects, ${first ? first.name : 'none'}`;
}
