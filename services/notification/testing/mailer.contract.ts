import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import type { Mailer, OutgoingMail } from '../app/ports.ts';

/**
 * What the next request meets. refused: not taken, and told so. silent: not taken, no answer in time. lost: taken, and the
 * connection breaks before the answer. slow: taken, no answer in time.
 */
export type MailFault = 'refused' | 'silent' | 'lost' | 'slow';

/** A mailer, and what is behind it. */
export interface MailWorld {
  readonly mailer: Mailer;
  /** One fault for each of the next requests. */
  next(...faults: readonly MailFault[]): Promise<void>;
  /** Nothing is taken and nothing answered while it is. */
  away(on: boolean): Promise<void>;
  /** The mails that arrived. */
  received(to: string): Promise<readonly Pick<OutgoingMail, 'subject' | 'text' | 'html'>[]>;
}

const fresh = (overrides: Partial<OutgoingMail> = {}): OutgoingMail => ({
  idempotencyKey: newId(),
  to: `${newId()}@example.com`,
  subject: 'Confirm your e-mail address',
  text: 'Open https://sms.example/verify-email?token=t',
  html: '<p>Open</p>',
  ...overrides,
});

/** @param open gives a world without faults */
export const mailerContract = (name: string, open: () => Promise<MailWorld>): void => {
  describe(`mailer: ${name}`, () => {
    const unknownAfter = async (fault: MailFault, taken: number): Promise<void> => {
      const { mailer, next, received } = await open();
      const mail = fresh();
      await next(fault);
      assert.equal((await mailer.send(mail)).outcome, 'unknown');
      assert.equal((await received(mail.to)).length, taken, 'what really happened');
      assert.deepEqual(await mailer.send(mail), { outcome: 'sent' });
      assert.equal((await received(mail.to)).length, 1);
    };

    it('a mail that is sent arrives as it was written', async () => {
      const { mailer, received } = await open();
      const mail = fresh({ subject: 'Über "Grüße" & <Tags>', text: 'Zeile 1\nZeile 2 ✓', html: '<p title="x">✓</p>' });
      assert.deepEqual(await mailer.send(mail), { outcome: 'sent' });
      const arrived = await received(mail.to);
      assert.deepEqual(
        arrived.map(({ subject, text, html }) => ({ subject, text, html })),
        [{ subject: mail.subject, text: mail.text, html: mail.html }],
      );
    });
    it('the same key sends once, also when both requests run at the same time; another key sends another', async () => {
      const { mailer, received } = await open();
      const mail = fresh();
      await Promise.all([mailer.send(mail), mailer.send(mail)]);
      assert.deepEqual(await mailer.send(mail), { outcome: 'sent' });
      assert.equal((await received(mail.to)).length, 1);
      await mailer.send({ ...mail, idempotencyKey: newId() });
      assert.equal((await received(mail.to)).length, 2);
    });
    it('a lost reply is unknown; the same key then says sent, and one mail has arrived', () => unknownAfter('lost', 1));
    it('a mail that was taken but not answered in time is unknown, and can be repeated', () => unknownAfter('slow', 1));
    it('silence is unknown, and can be repeated', () => unknownAfter('silent', 0));
    it('a refusal says so, sends nothing, and does not burn the key', async () => {
      const { mailer, next, received } = await open();
      const mail = fresh();
      await next('refused');
      assert.equal((await mailer.send(mail)).outcome, 'refused');
      assert.equal((await received(mail.to)).length, 0);
      assert.deepEqual(await mailer.send(mail), { outcome: 'sent' });
    });
    it('a server that is away is an outcome, never an exception; back again, the same key is sent once', async () => {
      const { mailer, away, received } = await open();
      const mail = fresh();
      await away(true);
      for (let count = 0; count < 3; count++) assert.notEqual((await mailer.send(mail)).outcome, 'sent');
      await away(false);
      assert.deepEqual(await mailer.send(mail), { outcome: 'sent' });
      assert.equal((await received(mail.to)).length, 1);
    });
    it('a reason never shows the address, the token or the text', async () => {
      const { mailer, next, away } = await open();
      const mail = fresh({ to: 'ann@example.com', text: 'token-of-ann' });
      const reasons: string[] = [];
      const note = async (): Promise<void> => {
        const result = await mailer.send({ ...mail, idempotencyKey: newId() });
        reasons.push(result.outcome === 'sent' ? assert.fail('it was to fail') : result.reason);
      };
      await next('refused', 'lost', 'silent');
      for (let count = 0; count < 3; count++) await note();
      await away(true);
      await note();
      await away(false);
      assert.doesNotMatch(reasons.join(' '), /ann|token|example\.com/);
    });
  });
};
