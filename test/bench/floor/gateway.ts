/** The floor's front half: Fastify to gRPC, JSON in and out, no checks. argv: the service's port. Prints its own. */
import { credentials } from '@grpc/grpc-js';
import fastify from 'fastify';
import { VerificationServiceClient } from '#proto/namaskah/verification/v1/verification.ts';

const client = new VerificationServiceClient(`127.0.0.1:${process.argv[2]}`, credentials.createInsecure());
const app = fastify();
app.post<{ Body: { service: string; country: string } }>('/floor', (request, reply) => {
  const { service, country } = request.body;
  client.createVerification({ idempotencyKey: '', service, country, capability: 'sms', maxPrice: undefined }, (error) => {
    void (error ? reply.code(500).send({}) : reply.code(201).send({ service, country }));
  });
});
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
process.on('SIGTERM', () => process.exit(0));
