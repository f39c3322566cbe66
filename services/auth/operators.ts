/**
 * Who runs the platform is decided here, on the machine, with the database's own credentials; no API grants it.
 *   DATABASE_URL=… node services/auth/operators.ts grant ada@example.com [by whom]
 *   DATABASE_URL=… node services/auth/operators.ts revoke ada@example.com
 */
import { userInfo } from 'node:os';
import { databaseConfig, defineConfig } from '#platform/config/index.ts';
import { isAppError } from '#platform/errors/index.ts';
import { openDatabase } from '#platform/postgres/index.ts';
import { systemClock } from '#platform/time/index.ts';
import { createTransactions } from './adapters/postgres/transactions.ts';
import { setOperator, type SetOperatorInput } from './app/set-operator.ts';

/** @returns false when nothing had to change; @throws as setOperator */
export const changeOperator = async (databaseUrl: string, input: SetOperatorInput): Promise<boolean> => {
  const db = await openDatabase({ url: databaseUrl, applicationName: 'auth-operators', poolMax: 1 });
  try {
    return await setOperator({ transactions: createTransactions(db), clock: systemClock })(input);
  } finally {
    await db.close();
  }
};

if (import.meta.main) {
  const [action, email, by = userInfo().username] = process.argv.slice(2);
  if (email === undefined || (action !== 'grant' && action !== 'revoke')) {
    process.stderr.write('usage: node services/auth/operators.ts grant|revoke <e-mail address> [by whom]\n');
    process.exitCode = 2;
  } else {
    // An entry point of its own, beside main.ts.
    // oxlint-disable-next-line node/no-process-env
    const { databaseUrl } = defineConfig({ databaseUrl: databaseConfig.databaseUrl }).parse(process.env);
    try {
      const changed = await changeOperator(databaseUrl, { email, isOperator: action === 'grant', by });
      process.stdout.write(changed ? `done: ${action} ${email}\n` : 'nothing to change\n');
    } catch (error) {
      if (!isAppError(error)) throw error;
      process.stderr.write(`${error.message} ${error.fields.map(({ field, reason }) => `${field} ${reason}`).join(', ')}\n`);
      process.exitCode = 1;
    }
  }
}
