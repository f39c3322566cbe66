/**
 * What an authenticated read costs at least, over Fastify: a bearer key looked up by its digest, a rate limit, an answer of a verification's
 * shape by a compiled schema. GET /bare answers from memory; GET /hop/:id asks the floor's service, which reads one row by its primary key.
 * argv: the service's port, the key. Prints its own port.
 */
import { hash } from 'node:crypto';
import fastifyRateLimit from '@fastify/rate-limit';
import { credentials } from '@grpc/grpc-js';
import fastify from 'fastify';
import { VerificationServiceClient } from '#proto/namaskah/verification/v1/verification.ts';

const [port, key = ''] = process.argv.slice(2);
const client = new VerificationServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
const callers = new Map([[hash('sha256', key, 'base64url'), { tenantId: 'floor' }]]);
const app = fastify();
app.addHook('onRequest', (request, reply, done) => {
  const credential = request.headers.authorization?.slice('Bearer '.length) ?? '';
  if (callers.has(hash('sha256', credential, 'base64url'))) done();
  else void reply.code(401).send({});
});
await app.register(fastifyRateLimit, { max: 100_000_000, timeWindow: 60_000, keyGenerator: () => 'tenant:floor', enableDraftSpec: true });

const text = { type: 'string' } as const;
const orNull = { type: ['string', 'null'] } as const;
const texts = ['id', 'status', 'service', 'country', 'capability', 'price', 'currency', 'expiresAt', 'createdAt'];
const texts2 = ['operator', 'areaCode', 'phoneNumber', 'code', 'endedAt', 'reason', 'cancellableAt', 'retryOf', 'reportReason'];
const answer = {
  type: 'object',
  properties: {
    ...Object.fromEntries([...texts.map((name) => [name, text]), ...texts2.map((name) => [name, orNull])]),
    messages: { type: 'array', items: { type: 'object', properties: {} } },
    awaitingAnotherCode: { type: 'boolean' },
  },
} as const;
const verification = (id: string, service: string, country: string, createdAt: Date) => ({
  ...{ id, status: 'waiting', service, country, capability: 'sms', operator: null, areaCode: null, phoneNumber: '+6281234567890' },
  ...{ price: '0.45', currency: 'USD', code: null, messages: [], expiresAt: createdAt.toISOString(), createdAt: createdAt.toISOString() },
  ...{ endedAt: null, reason: null, cancellableAt: createdAt.toISOString(), awaitingAnotherCode: false, retryOf: null, reportReason: null },
});
app.get('/bare', { schema: { response: { 200: answer } } }, (_request, reply) => {
  void reply.send(verification('ver_01kab8yj4xe5rb1cq2tdpmx1xw', 'telegram', 'ID', new Date()));
});
app.get<{ Params: { id: string } }>('/hop/:id', { schema: { response: { 200: answer } } }, (request, reply) => {
  client.getVerification({ id: request.params.id }, (error, { verification: found } = { verification: undefined }) => {
    if (error || !found) void reply.code(500).send({});
    else void reply.send(verification(found.id, found.service, found.country, found.createdAt ?? new Date()));
  });
});
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
process.on('SIGTERM', () => process.exit(0));
