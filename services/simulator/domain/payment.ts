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
  readonly webhookUrl: string;
  readonly returnUrl: string;
  readonly createdAtMs: number;
}
