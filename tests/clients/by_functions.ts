// The functions that oazapfts makes, one for each operation.
import * as api from './api.js';

function expect(is_so: boolean, what: string): void {
  if (!is_so) throw new Error(what);
}

// What the compiler takes for a text, number or list is one in the answer, too.
async function look_around(): Promise<void> {
  const verdict = await api.verdict();
  expect(verdict.status === 200 && typeof verdict.data.text === 'string' && Array.isArray(verdict.data.problems), 'verdict');
  const clients = await api.clientList();
  expect(clients.status === 200 && clients.data.clients.length === clients.data.count, 'clients');
  const intervals = await api.intervalsGet('project');
  expect(intervals.status === 200 && typeof intervals.data.sync_interval_minutes === 'number', 'the interval of projects');
  const timeline = await api.timeline({ limit: 5 });
  expect(timeline.status === 200 && timeline.data.events.length <= 5 && typeof timeline.data.is_whole === 'boolean', 'timeline');
  const changes = await api.changes({ limit: 1 });
  expect(changes.status === 200 && typeof changes.data.next === 'string', 'changes');
  const held = await api.silenceAdd({ key: 'sync', minutes: 1, reason: 'a test' });
  expect(held.status === 200 && held.data.made_by === 'admin', 'a silence');
  const refused = await api.silenceAdd({ key: 'sync', minutes: 0, reason: 'a test' });
  expect(refused.status === 422 && refused.data.detail[0].msg.length > 0, 'a silence of no time');
  if (held.status !== 200) return;
  const removed = await api.silenceRemove(held.data.id);
  expect(removed.status === 200 && removed.data.id === held.data.id, 'the end of a silence');
  const gone = await api.silenceRemove(held.data.id);
  expect(gone.status === 404, 'a silence that has ended');
  const without = await api.scheduleRun('no such entry');
  expect(without.status === 404 || without.status === 503, 'an entry that is not there');
}

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
  api.defaults.headers = { ...api.defaults.headers, Authorization: `Bearer ${admin.data.access_token}` };
  await look_around();
  return `${me.data.name}, ${list.data.count} projects`;
}
