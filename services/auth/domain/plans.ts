export const plans = ['starter', 'pro', 'enterprise'] as const;
export type Plan = (typeof plans)[number];

export const firstPlan: Plan = 'starter';

export const isPlan = (text: string): text is Plan => (plans as readonly string[]).includes(text);
