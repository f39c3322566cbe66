export interface Texts {
  /** What a tenant's plan is since `at`; older news changes nothing. */
  setPlan(tenantId: string, plan: string, at: Date): Promise<void>;
  /**
   * Deletes texts and codes that are older than the plan of their tenant keeps them.
   * @param defaultDays of tenants whose plan is not known, and of plans that are not in `days`
   * @returns how many messages went; as many as `limit`: there may be more
   */
  purge(now: Date, days: Readonly<Record<string, number>>, defaultDays: number, limit: number): Promise<number>;
}
