/**
 * What most would write first: a transfer between two accounts by an ORM, in an interactive transaction that reads both rows for
 * update, changes them and inserts the transfer. No idempotency, no holds, no grants, no events: a floor that does less.
 */
import { defineEntity, LockMode, MikroORM, p } from '@mikro-orm/postgresql';
import { newId } from '#platform/ids/index.ts';

const Account = defineEntity({
  name: 'NaiveAccount',
  tableName: 'naive_accounts',
  properties: { id: p.uuid().primary(), balance: p.bigint('bigint') },
});
const Transfer = defineEntity({
  name: 'NaiveTransfer',
  tableName: 'naive_transfers',
  properties: { id: p.uuid().primary(), from: p.uuid().fieldName('from_id'), to: p.uuid().fieldName('to_id'), amount: p.bigint('bigint') },
});

export const openNaive = async (url: string, connections: number) => {
  const orm = new MikroORM({ clientUrl: url, entities: [Account, Transfer], driverOptions: { max: connections }, ensureDatabase: false });
  await orm.connect();
  const execute = (sql: string): Promise<unknown> => orm.em.fork().getConnection().execute(sql);
  await execute('create table naive_accounts (id uuid primary key, balance bigint not null check (balance >= 0))');
  await execute('create table naive_transfers (id uuid primary key, from_id uuid not null, to_id uuid not null, amount bigint not null)');
  return {
    account: async (balance: bigint): Promise<string> => {
      const id = newId();
      const em = orm.em.fork();
      em.persist(em.create(Account, { id, balance }));
      await em.flush();
      return id;
    },
    transfer: (from: string, to: string, amount: bigint): Promise<void> =>
      orm.em.fork().transactional(async (em) => {
        // In one order, so that two transfers cannot deadlock.
        const locked = await em.find(Account, { id: [from, to] }, { lockMode: LockMode.PESSIMISTIC_WRITE, orderBy: { id: 'asc' } });
        const source = locked.find(({ id }) => id === from);
        const target = locked.find(({ id }) => id === to);
        if (source === undefined || target === undefined || source.balance < amount) throw new Error('refused');
        source.balance -= amount;
        target.balance += amount;
        em.persist(em.create(Transfer, { id: newId(), from, to, amount }));
      }),
    close: () => orm.close(true),
  };
};
