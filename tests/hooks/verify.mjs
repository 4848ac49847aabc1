// node verify.mjs LOG SECRET [OTHER]: every request of a receiver's log verifies with the public library of the Standard
// Webhooks specification under each of the secrets, and under none of a changed body, a changed id and a wrong secret.
import { readFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'

const [log, ...secrets] = process.argv.slice(2)
const lines = readFileSync(log, 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line))
const refuses = (secret, body, headers) => {
  try {
    new Webhook(secret).verify(body, headers)
  } catch {
    return true
  }
  return false
}
for (const { raw, headers } of lines) {
  const body = Buffer.from(raw, 'base64').toString('utf8')
  for (const secret of secrets) new Webhook(secret).verify(body, headers)
  const others = [
    refuses(secrets[0], body + ' ', headers),
    refuses(secrets[0], body, { ...headers, 'webhook-id': headers['webhook-id'] + 'x' }),
    refuses('whsec_' + Buffer.alloc(32).toString('base64'), body, headers),
  ]
  if (others.includes(false)) throw new Error('a forged message verifies')
}
if (lines.length === 0) throw new Error('nothing was received')
console.log(lines.length)
