export type PaymentStatus = 'pending' | 'succeeded' | 'failed';

/** The protocol by which a payment was made; its webhook speaks the same. */
export type PaymentProtocol = 'simulator' | 'stripe' | 'paystack' | 'flutterwave';

export interface Payment {
  readonly id: string;
  readonly protocol: PaymentProtocol;
  readonly reference: string;
  /** As asked for; the page shows this. */
  readonly askedMicros: bigint;
  readonly askedCurrency: string;
  /** What was really paid: differs only when a fault says so. */
  paidMicros: bigint;
  paidCurrency: string;
  status: PaymentStatus;
  /** The person lets the card be charged again later. */
  readonly savesCard?: boolean;
  readonly payerEmail?: string;
  /** Charged to a saved card: no page, no person. */
  readonly direct?: boolean;
  readonly webhookUrl: string;
  readonly returnUrl: string;
  readonly createdAtMs: number;
}

/** A card that may be charged again by its token. */
export interface SavedCard {
  readonly token: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
}
