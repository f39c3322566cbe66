import type { FastifyInstance, FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { Mail, Mailbox } from '../../app/accept-mail.ts';
import type { World } from '../../app/ports.ts';
import { chooseFault } from '../../domain/choose-fault.ts';
import type { MailFault } from '../../domain/settings.ts';
import { bodyReader } from './check-body.ts';
import { mailboxPage } from './pages.ts';
import { hang, htmlError, latency, reset } from './spoil-reply.ts';

const readMail = bodyReader(
  Type.Object(
    {
      idempotencyKey: Type.String({ minLength: 1, maxLength: 255 }),
      to: Type.String({ minLength: 3, maxLength: 320 }),
      from: Type.Optional(Type.String({ maxLength: 320 })),
      subject: Type.String({ maxLength: 1_000 }),
      text: Type.String({ maxLength: 200_000 }),
      html: Type.Optional(Type.String({ maxLength: 500_000 })),
    },
    { additionalProperties: false },
  ),
);

const mailJson = (mail: Mail): object => ({
  id: mail.id,
  to: mail.to,
  subject: mail.subject,
  text: mail.text,
  html: mail.html ?? null,
  receivedAt: new Date(mail.receivedAtMs).toISOString(),
});

const listLimit = 500;

const plainStatus: Partial<Record<MailFault, [number, string]>> = {
  http_429: [429, '429 Too Many Requests'],
  http_500: [500, '500 Internal Server Error'],
  http_503: [503, '503 Service Unavailable'],
};

/** The mail provider, and the page on which a person reads what was sent. */
export const registerMailbox = (server: FastifyInstance, { world, mailbox }: { world: World; mailbox: Mailbox }): void => {
  const faults = world.random.stream('mailbox/faults');
  const failures = world.random.stream('mailbox/failures');
  const losses = world.random.stream('mailbox/lost_replies');

  const choose = (): MailFault => {
    const settings = world.settings.mailbox;
    const fails = failures.chance(settings.failRatio);
    const loses = losses.chance(settings.lostReplyRatio);
    const chosen = chooseFault(settings.nextFaults, settings.faultRatios, faults);
    return chosen ?? (fails ? 'http_503' : loses ? 'reset_after_accept' : 'none');
  };
  const cutOff = (reply: FastifyReply, fault: MailFault): FastifyReply => {
    if (fault.startsWith('timeout')) hang(reply, world.settings.mailbox.hangMs);
    else reset(reply);
    return reply;
  };

  server.post('/mailbox/messages', async (request, reply) => {
    const { outage, latencyMs } = world.settings.mailbox;
    if (outage === 'reset') return cutOff(reply, 'reset');
    if (outage === '503') return htmlError(reply, 503, '503 Service Unavailable');
    await latency(latencyMs);
    const fault = choose();
    const status = plainStatus[fault];
    if (status !== undefined) return htmlError(reply, ...status);
    if (fault === 'timeout' || fault === 'reset') return cutOff(reply, fault);
    const { idempotencyKey, to, subject, text, html } = readMail(request.body);
    const mail = mailbox.accept({ to, subject, text, html }, idempotencyKey);
    return fault === 'none' ? reply.code(202).send({ id: mail.id }) : cutOff(reply, fault);
  });

  server.get<{ Querystring: { to?: string } }>('/mailbox/messages', async (request) => {
    const to = request.query.to?.toLowerCase();
    return { data: mailbox.mails.newest(listLimit, (mail) => to === undefined || mail.to.toLowerCase() === to).map(mailJson) };
  });

  server.get<{ Querystring: { to?: string } }>('/mailbox', async (request, reply) => {
    const to = request.query.to?.toLowerCase();
    return reply
      .type('text/html; charset=utf-8')
      .headers({ 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'" })
      .send(mailboxPage(mailbox.mails.newest(100, (mail) => to === undefined || mail.to.toLowerCase() === to)));
  });
};
