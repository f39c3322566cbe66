import { withIdempotency, type Database, type Transaction } from '#platform/postgres/index.ts';
import type { Transactions, Unit } from '../../app/ports.ts';
import { campaignWrites } from './campaigns.ts';
import { contactWrites } from './contacts.ts';
import { eventRecorder } from './events.ts';
import { jobs } from './jobs.ts';
import { optOuts } from './opt-outs.ts';
import { tracking } from './tracking.ts';

const unitOf = (tx: Transaction): Unit => ({
  contacts: contactWrites(tx),
  campaigns: campaignWrites(tx),
  jobs: jobs(tx),
  tracking: tracking(tx),
  optOuts: optOuts(tx),
  events: eventRecorder(tx),
  once: (call, work) => withIdempotency(tx, call, work),
});

export const transactions = (db: Database): Transactions => ({ run: (work) => db.transaction((tx) => work(unitOf(tx))) });
