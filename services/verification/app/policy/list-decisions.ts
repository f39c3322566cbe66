import { invalid, requireTenant } from './checks.ts';
import { decisionKinds, type Decisions, type PolicyDecision } from './ports.ts';

export interface DecisionPage {
  readonly decisions: readonly PolicyDecision[];
  /** Id to go on from; undefined on the last page. */
  readonly next: string | undefined;
}

/** The audit, newest first, of one tenant or of all. @throws request.invalid on kind */
export const listDecisions =
  ({ decisions }: { readonly decisions: Decisions }) =>
  async (query: { tenantId: string; kind: string; before: string | undefined; limit: number }): Promise<DecisionPage> => {
    const kind = decisionKinds.find((known) => known === query.kind);
    if (kind === undefined && query.kind !== '') throw invalid('kind', `must be one of ${decisionKinds.join(', ')}`);
    const tenantId = query.tenantId === '' ? undefined : requireTenant(query.tenantId);
    const rows = await decisions.list({ tenantId, kind, before: query.before, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    return { decisions: page, next: rows.length > query.limit ? page.at(-1)?.id : undefined };
  };
