/**
 * Which inbound messages a customer may not see: those of services that may not be rented (a number for a game that gets a bank's
 * code), and premium subscriptions. The rules are data (data/policy/screen.json).
 */
export interface ScreenRule {
  readonly id: string;
  /** Not applied to a number that was rented for a service of this category: then it is what was allowed. Empty: always applied. */
  readonly category: string;
  /** brand: who it says it is from, as sender or as the first words. keyword: anywhere in the text, as whole words. */
  readonly kind: 'brand' | 'keyword';
  readonly values: readonly string[];
}

export interface Screen {
  /** @returns the id of the rule that withholds it, or undefined */
  (message: { readonly sender: string; readonly text: string }, category: string): string | undefined;
}

const plain = (text: string): string => text.normalize('NFKC').toLowerCase().replaceAll(/\s+/gu, ' ').trim();
const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const before = String.raw`(?<![\p{L}\p{N}])`;
const after = String.raw`(?![\p{L}\p{N}])`;

/** "<#> [PayPal] …", "From PayPal: …": what may stand before the name that a text begins with. */
const opening = String.raw`^[^\p{L}\p{N}]*(?:from )?`;

export const createScreen = (rules: readonly ScreenRule[]): Screen => {
  const compiled = rules.map(({ id, category, kind, values }) => {
    const names = values.map((value) => literal(plain(value))).join('|');
    const pattern = kind === 'brand' ? `${opening}(?:${names})${after}` : `${before}(?:${names})${after}`;
    return { id, category, kind, pattern: new RegExp(pattern, 'u'), names: new Set(values.map(plain)) };
  });
  return ({ sender, text }, category) => {
    const [from, said] = [plain(sender), plain(text)];
    return compiled.find(
      (rule) =>
        (rule.category === '' || rule.category !== category) &&
        (rule.pattern.test(said) || (rule.kind === 'brand' && rule.names.has(from))),
    )?.id;
  };
};
