/** Wallets are in one currency for now; the ledger itself carries a currency on every row. */
export const walletCurrency = 'USD';

/** What a customer can buy: each product has its own revenue account. */
export const products = ['verification', 'campaign'] as const;
export type Product = (typeof products)[number];
export const isProduct = (value: string): value is Product => (products as readonly string[]).includes(value);

/**
 * Why money moved. Every transfer has one wallet side and one system side:
 * payment (clearing → wallet), promotion (promotion → wallet), charge (wallet → revenue), refund (revenue → wallet).
 */
export const transferTypes = ['payment', 'promotion', 'charge', 'refund'] as const;
export type TransferType = (typeof transferTypes)[number];
export const isTransferType = (value: string): value is TransferType => (transferTypes as readonly string[]).includes(value);

/** What the customer owns (balance), what is promised to open holds (held), and what may be spent: the difference. */
export interface Wallet {
  readonly currency: string;
  readonly balanceMicros: bigint;
  readonly heldMicros: bigint;
}

export const availableMicros = (wallet: Wallet): bigint => wallet.balanceMicros - wallet.heldMicros;

export const emptyWallet: Wallet = { currency: walletCurrency, balanceMicros: 0n, heldMicros: 0n };

/** One entry on a wallet; positive is a credit. */
export interface WalletEntry {
  readonly transferId: string;
  readonly type: TransferType;
  readonly amountMicros: bigint;
  readonly balanceAfterMicros: bigint;
  readonly currency: string;
  readonly description: string;
  readonly reference: string;
  /** Of the hold that was charged; undefined where nothing was bought. */
  readonly product: Product | undefined;
  readonly createdAt: Date;
  /** 1, 2, 3, … on each wallet, without gaps: the order of the running balance. */
  readonly sequence: bigint;
}
