import type { BoundService } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import { type Bus, startConsumer } from '#platform/messaging/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { policyService } from './adapters/grpc/policy.ts';
import { tenantHandlers } from './adapters/nats/tenants.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { loadPolicy, loadScreen } from './adapters/policy/load.ts';
import { postgresAbuseReports } from './adapters/postgres/policy/abuse.ts';
import { postgresDecisions } from './adapters/postgres/policy/audit.ts';
import { postgresBans } from './adapters/postgres/policy/bans.ts';
import { postgresSwitches } from './adapters/postgres/policy/switches.ts';
import { postgresTenantPolicies } from './adapters/postgres/policy/tenants.ts';
import { acknowledgeBlock } from './app/policy/acknowledge-block.ts';
import { banNumber } from './app/policy/ban-number.ts';
import { decideAbuseReport } from './app/policy/decide-abuse-report.ts';
import { numberHash } from './app/policy/hash-number.ts';
import { liftBan } from './app/policy/lift-ban.ts';
import { listAbuseReports } from './app/policy/list-abuse-reports.ts';
import { listBans } from './app/policy/list-bans.ts';
import { reportAbuse } from './app/policy/report-abuse.ts';
import { listDecisions } from './app/policy/list-decisions.ts';
import { readPolicy } from './app/policy/read-policy.ts';
import { setKycLevel } from './app/policy/set-kyc-level.ts';
import { setServiceClass } from './app/policy/set-service-class.ts';
import { setTenantLimits } from './app/policy/set-tenant-limits.ts';
import { switchOff } from './app/policy/switch-off.ts';
import { switchOn } from './app/policy/switch-on.ts';
import { weighReports } from './app/policy/weigh-reports.ts';
import { workReturns } from './app/policy/work-returns.ts';
import type { Ports } from './app/ports.ts';
import type { VerificationConfig } from './config.ts';
import type { Catalogue } from './domain/catalogue.ts';
import { type PolicyRules, scaledRules } from './domain/policy/rules.ts';
import type { Screen } from './domain/policy/screen.ts';

/** Between two looks at reported numbers and at those on their way back. */
const numbersMs = 2_000;

/** The rules of data/policy, times the configured factor. @throws when a file is wrong */
export const policyRules = ({ policyLimitFactor }: Pick<VerificationConfig, 'policyLimitFactor'>, catalogue: Catalogue): PolicyRules =>
  scaledRules(loadPolicy(new URL('./data/policy/', import.meta.url), catalogue), policyLimitFactor);

/** Of inbound messages. @throws when the file is wrong */
export const policyScreen = (): Screen => loadScreen(new URL('./data/policy/', import.meta.url));

export interface PolicyParts {
  readonly life: Life;
  readonly config: VerificationConfig;
  readonly db: Database;
  readonly bus: Bus;
  readonly ports: Ports;
  /** Names of the providers that can be switched off. */
  readonly providers: readonly string[];
}

/** Part of the composition root: acceptable use. */
export const openPolicy = async ({ life, config, db, bus, ports, providers }: PolicyParts): Promise<BoundService> => {
  const { logger, metrics } = life;
  const { catalogue, clock, sealer } = ports;
  const rules = policyRules(config, catalogue);
  const tenants = postgresTenantPolicies(db);
  const switches = postgresSwitches(db);
  const bans = postgresBans(db);
  const reports = postgresAbuseReports(db);
  const hashNumber = numberHash(sealer);
  await life.own(
    'policy tenants',
    startConsumer({ db, bus, durable: 'verification-tenant', logger, metrics, handlers: tenantHandlers(tenants) }),
  );
  const weigh = weighReports({ bans, rules: rules.bans, clock });
  const returns = workReturns(ports, (due) =>
    logger.error({ ...due }, 'a number that may not be sold was not taken back: the provider may charge it'),
  );
  const work = async (): Promise<number> => {
    await ports.policy.refreshSwitches();
    return (await returns()) + (await weigh());
  };
  const pace = { logger, tickMs: numbersMs, houseKeepMs: Number.POSITIVE_INFINITY, limit: 1, leaseMs: numbersMs };
  await life.own('policy numbers', startScheduler({ work, houseKeep: async () => {}, ...pace }));
  return policyService({
    readPolicy: readPolicy({ tenants, rules, clock }),
    acknowledgeBlock: acknowledgeBlock({ tenants, rules, clock }),
    setKycLevel: setKycLevel({ tenants, clock }),
    setTenantLimits: setTenantLimits({ tenants, clock }),
    setServiceClass: setServiceClass({ tenants, catalogue, clock }),
    switchOff: switchOff({ switches, catalogue, providers, clock }),
    switchOn: switchOn({ switches, clock }),
    listSwitches: switches.list,
    listDecisions: listDecisions({ decisions: postgresDecisions(db) }),
    banNumber: banNumber({ bans, catalogue, hashNumber, clock }),
    liftBan: liftBan({ bans, clock }),
    listBans: listBans({ bans, clock }),
    reportAbuse: reportAbuse({ reports, sealer, hashNumber, clock }),
    listAbuseReports: listAbuseReports({ reports, sealer }),
    decideAbuseReport: decideAbuseReport({ reports, sealer, clock }),
  });
};
