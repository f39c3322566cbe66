import { LifeCycleServiceService, type VerificationFilter } from '#proto/namaskah/verification/v1/lifecycle.ts';
import { appError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, grpcService, method, streamMethod } from '#platform/grpc/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import type { requestAnother } from '../../app/another/request-another.ts';
import type { exportVerifications } from '../../app/history/export-verifications.ts';
import type { listChanges } from '../../app/history/list-changes.ts';
import type { listMessages } from '../../app/history/list-messages.ts';
import type { listVerifications } from '../../app/list-verifications.ts';
import type { Filter } from '../../app/ports.ts';
import type { reportNumber } from '../../app/report/report-number.ts';
import type { retryVerification } from '../../app/retry/retry-verification.ts';
import type { RouteCodes } from '../../app/routing/ports.ts';
import { wishedProviders } from '../../app/routing/route-wishes.ts';
import { type ReportReason, reportReasons } from '../../domain/verification.ts';
import { fromLastId, statusOf, toLastId, toMessage, toStatus } from './mapping.ts';

export interface LifeCycleUseCases {
  readonly requestAnother: ReturnType<typeof requestAnother>;
  readonly retryVerification: ReturnType<typeof retryVerification>;
  readonly reportNumber: ReturnType<typeof reportNumber>;
  readonly listMessages: ReturnType<typeof listMessages>;
  readonly listChanges: ReturnType<typeof listChanges>;
  readonly listVerifications: ReturnType<typeof listVerifications>;
  readonly exportVerifications: ReturnType<typeof exportVerifications>;
}

const write = allow('owner', 'admin', 'staff', { scope: 'verifications:write' });
const read = allowAny({ scope: 'verifications:read' });

const reasonOf = (text: string): ReportReason => {
  const reason = reportReasons.find((known) => known === text);
  if (reason === undefined)
    throw appError('request.invalid', { fields: [{ field: 'reason', reason: `must be one of ${reportReasons.join(', ')}` }] });
  return reason;
};

const invalid = (field: string, reason: string): Error => appError('request.invalid', { fields: [{ field, reason }] });

const filterOf = (filter: VerificationFilter | undefined): Filter => {
  const { statuses = [], service = '', country = '', createdFrom, createdTo, phoneNumber = '', retryOf = '' } = filter ?? {};
  if (statuses.length > 6) throw invalid('status', 'names each status once at most');
  if (createdFrom && createdTo && createdFrom >= createdTo) throw invalid('createdTo', 'must be later than createdFrom');
  if (phoneNumber !== '' && !/^\+[1-9]\d{6,14}$/.test(phoneNumber))
    throw invalid('phoneNumber', 'must be a whole number in E.164, like +6281234567890');
  if (retryOf !== '' && !isUuid(retryOf)) throw invalid('retryOf', 'must be the id of a verification');
  return {
    statuses: statuses.flatMap((status) => toStatus(status) ?? []),
    service: service.toLowerCase() || undefined,
    country: country.toUpperCase() || undefined,
    ...{ createdFrom, createdTo, phoneNumber: phoneNumber || undefined, retryOf: retryOf || undefined },
  };
};

export const lifeCycleService = (useCases: LifeCycleUseCases, codes: RouteCodes): BoundService =>
  grpcService(LifeCycleServiceService, {
    requestAnotherCode: method(write, async ({ id }, { principal: { tenantId } }) => ({
      verification: toMessage(await useCases.requestAnother({ tenantId, id })),
    })),
    retryVerification: method(write, async ({ id, idempotencyKey, maxPrice, routes }, { principal: { tenantId, subject: actor } }) => {
      const wanted = { tenantId, id, idempotencyKey, actor, maxPrice, ...wishedProviders(codes, routes) };
      return { verification: toMessage(await useCases.retryVerification(wanted)) };
    }),
    reportNumber: method(write, async ({ id, reason }, { principal: { tenantId } }) => ({
      verification: toMessage(await useCases.reportNumber({ tenantId, id, reason: reasonOf(reason) })),
    })),
    listMessages: method(read, async ({ id }, { principal: { tenantId } }) => ({
      messages: (await useCases.listMessages({ tenantId, id })).map((message) => ({ ...message })),
    })),
    listChanges: method(read, async ({ id }, { principal: { tenantId } }) => ({
      changes: (await useCases.listChanges({ tenantId, id })).map(({ version, kind, status, at }) => ({
        ...{ version: BigInt(version), kind, status: statusOf[status], at },
      })),
    })),
    searchVerifications: method(read, async ({ page, filter }, { principal: { tenantId } }) => {
      const query = { tenantId, before: toLastId(page?.cursor), limit: pageLimit(page?.limit) };
      const { verifications, next } = await useCases.listVerifications({ ...filterOf(filter), ...query });
      return { verifications: verifications.map(toMessage), nextCursor: fromLastId(next) };
    }),
    exportVerifications: streamMethod(read, async function* verifications({ filter }, { principal: { tenantId } }) {
      for await (const batch of useCases.exportVerifications(tenantId, filterOf(filter))) yield { verifications: batch.map(toMessage) };
    }),
  });
