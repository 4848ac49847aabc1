// The functions that oazapfts makes, one for each operation.
import * as api from './api.js';

export async function work(base: string, id: string, secret: string, password: string): Promise<string> {
  api.defaults.baseUrl = base;
  const login = await api.clientLogin({ client_id: id, client_secret: secret });
  if (login.status !== 200) throw new Error(`login: ${login.status}`);
  // @ts-expect-error: there is no such member
  login.data.no_such_member;
  api.defaults.headers = { ...api.defaults.headers, Authorization: `Bearer ${login.data.access_token}` };
  const me = await api.clientMe();
  if (me.status !== 200 || me.data.client_id !== id) throw new Error(`me: ${me.status}`);
  const list = await api.projectsCached({ limit: 10 });
  if (list.status !== 200) throw new Error(`projects: ${list.status}`);
  const missing = await api.projectGet('none');
  if (missing.status !== 404) throw new Error(`a project that is not there: ${missing.status}`);
  const wrong = await api.clientLogin({ client_id: id, client_secret: 'wrong' });
  if (wrong.status !== 401) throw new Error(`a wrong secret: ${wrong.status}`);
  const admin = await api.adminLogin({ username: 'admin', password });
  if (admin.status !== 200) throw new Error(`admin: ${admin.status}`);
  return `${me.data.name}, ${list.data.count} projects`;
}
