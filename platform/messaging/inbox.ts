import type { Queryable } from '#platform/postgres/index.ts';

/** Notes a message as handled, in the transaction of its effect. @returns false when it was noted before */
export const enterInbox = async (tx: Queryable, durable: string, messageId: string): Promise<boolean> => {
  const rows = await tx.query(
    'insert into inbox (consumer, message_id) values ($1, $2) on conflict do nothing returning 1 as entered',
    [durable, messageId],
    {
      name: 'inbox-enter',
    },
  );
  return rows.length === 1;
};

/** @returns the ids that had not been noted before */
export const enterInboxMany = async (tx: Queryable, durable: string, messageIds: readonly string[]): Promise<Set<string>> => {
  const rows = await tx.query<{ message_id: string }>(
    `insert into inbox (consumer, message_id) select $1, id from unnest($2::uuid[]) as id order by id
     on conflict do nothing returning message_id`,
    [durable, messageIds],
    { name: 'inbox-enter-many' },
  );
  return new Set(rows.map((row) => row.message_id));
};
