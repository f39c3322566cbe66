/** Wallets are in one currency for now; the ledger itself carries a currency on every row. */
export const walletCurrency = 'USD';

/** What a customer can buy: each product has its own revenue account. */
export const products = ['verification', 'campaign', 'rental', 'subscription', 'usage'] as const;
export type Product = (typeof products)[number];
export const isProduct = (value: string): value is Product => (products as readonly string[]).includes(value);

/** Of which the other side of a wallet's transfers is one (but for costs of providers: provider_cost → payable); a discriminator tells those of one kind apart (revenue: the product, clearing: the gateway, payable: the provider). */
const systemAccountKinds = [
  'revenue',
  'clearing',
  'promotion',
  'refunds',
  'provider_cost',
  'payable',
  'breakage',
  'rounding',
  'adjustment',
  'dispute',
] as const;
export type SystemAccountKind = (typeof systemAccountKinds)[number];

/**
 * Why money moved. Every transfer has one wallet side and one system side:
 * payment (clearing → wallet), promotion (promotion → wallet), charge, subscription and usage (wallet → revenue), refund (a charge
 * given back: revenue → wallet), payment_refund (returned through the gateway: wallet → clearing), dispute (wallet → dispute, back when
 * won), adjustment (either way), expiry (credit that lapsed: wallet → breakage).
 */
export const transferTypes = [
  'payment',
  'promotion',
  'charge',
  'refund',
  'payment_refund',
  'dispute',
  'subscription',
  'usage',
  'adjustment',
  'expiry',
] as const;
export type TransferType = (typeof transferTypes)[number];
export const isTransferType = (value: string): value is TransferType => (transferTypes as readonly string[]).includes(value);

/** What the customer owns (balance), what is promised to open holds (held), and what may be spent: the difference. */
export interface Wallet {
  readonly currency: string;
  readonly balanceMicros: bigint;
  readonly heldMicros: bigint;
  /** The part of the balance that was given; the rest was paid for. */
  readonly promotionalMicros: bigint;
  /** When the next credit expires, unless it is spent before. */
  readonly nextExpiry: { readonly at: Date; readonly amountMicros: bigint } | undefined;
}

export const availableMicros = (wallet: Wallet): bigint => wallet.balanceMicros - wallet.heldMicros;

export const emptyWallet: Wallet = {
  currency: walletCurrency,
  balanceMicros: 0n,
  heldMicros: 0n,
  promotionalMicros: 0n,
  nextExpiry: undefined,
};

/** One entry on a wallet; positive is a credit. */
export interface WalletEntry {
  readonly transferId: string;
  readonly type: TransferType;
  readonly amountMicros: bigint;
  readonly balanceAfterMicros: bigint;
  readonly currency: string;
  readonly description: string;
  readonly reference: string;
  /** What was bought, or given back; undefined where nothing was. */
  readonly product: Product | undefined;
  /** The transfer that this one gives back, whole or in part. */
  readonly reversesId: string | undefined;
  /** Who caused it: user:<id> or key:<id>; undefined: nobody in particular. A refund has that of what it gives back. */
  readonly actor: string | undefined;
  readonly createdAt: Date;
  /** 1, 2, 3, … on each wallet, without gaps: the order of the running balance. */
  readonly sequence: bigint;
}
