/** The few pages a person lands on from outside: the link in a verification mail, the way back from a payment gateway. */
import formbody from '@fastify/formbody';
import type { FastifyInstance } from 'fastify';
import { isAppError } from '#platform/errors/index.ts';
import { publicAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => escapes[char] ?? char);

const pageOf = (title: string, content: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title} · Namaskah</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#1a1a2e;background:#fff}
button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#1f4fd8;color:#fff;cursor:pointer}
@media(prefers-color-scheme:dark){body{color:#eee;background:#14141f}}</style></head>
<body><main><h1>${title}</h1>${content}</main></body></html>`;

const tokenOf = (source: unknown): string => {
  const token = (source as { token?: unknown } | undefined)?.token;
  return typeof token === 'string' ? token.slice(0, 512) : '';
};

export const pageRoutes = async (app: FastifyInstance, { auth }: Backends): Promise<void> => {
  const options = { config: { access: publicAccess, page: true }, schema: { hide: true } };
  await app.register(async (scope) => {
    await scope.register(formbody, { bodyLimit: 4096 });
    // The credit itself comes by the gateway's webhook, whether or not anybody comes back here.
    scope.get('/billing', options, async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .send(pageOf('Thank you', '<p>Your wallet is credited as soon as the payment is confirmed. You can close this page.</p>')),
    );
    // A button, not the visit itself, confirms: mail scanners follow links.
    scope.get('/verify-email', options, async (request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('referrer-policy', 'no-referrer')
        .send(
          pageOf(
            'Confirm your address',
            `<form method="post" action="/verify-email"><input type="hidden" name="token" value="${escapeHtml(tokenOf(request.query))}"><button>Confirm</button></form>`,
          ),
        ),
    );
    scope.post('/verify-email', options, async (request, reply) => {
      void reply.type('text/html; charset=utf-8');
      try {
        await auth.verifyEmail({ token: tokenOf(request.body) }, callOptions(request));
        return await reply.send(pageOf('Thank you', '<p>Your address is confirmed.</p>'));
      } catch (error) {
        if (!isAppError(error) || error.row.owner !== 'client') throw error;
        return reply
          .code(error.row.http)
          .send(pageOf('This link does not work any more', '<p>Ask for a new one: sign in and request another mail.</p>'));
      }
    });
  });
};
