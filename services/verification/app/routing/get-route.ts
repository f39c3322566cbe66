import { appError } from '#platform/errors/index.ts';
import type { Candidate } from '../../domain/routing/decide.ts';
import type { Verification } from '../../domain/verification.ts';
import type { Ports } from '../ports.ts';
import type { RouteCodes } from './ports.ts';

export interface RouteView {
  readonly candidates: readonly (Omit<Candidate, 'provider'> & { readonly route: string })[];
  readonly attempts: readonly { readonly route: string; readonly outcome: string; readonly at: Date | undefined }[];
}

const lastOutcome = ({ activationId, state }: Verification): string =>
  activationId !== undefined ? 'granted' : state === 'failed' ? 'failed' : 'asked';

/**
 * Why a purchase went where it went. Customers see providers by their codes: whom we buy from is between us and them, that it is the same
 * one as last time is not. @throws request.not_found
 */
export const getRoute =
  ({ store, codes }: Pick<Ports, 'store'> & { readonly codes: RouteCodes }) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<RouteView> => {
    const verification = await store.find(tenantId, id);
    if (!verification) throw appError('request.not_found');
    const { route, provider } = verification;
    return {
      candidates: (route?.candidates ?? []).map(({ provider: name, ...candidate }) => ({ ...candidate, route: codes.of(name) })),
      attempts: [
        ...(route?.refused ?? []).map((one) => ({ route: codes.of(one.provider), outcome: one.reason, at: new Date(one.at) })),
        { route: codes.of(provider), outcome: lastOutcome(verification), at: undefined },
      ],
    };
  };
