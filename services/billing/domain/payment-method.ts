/** What a gateway keeps of a card: the token charges it again, and is worth nothing without our secret key. */
export interface SavedCard {
  readonly token: string;
  readonly brand: string;
  readonly last4: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
}

export interface PaymentMethod extends Omit<SavedCard, 'token'> {
  readonly id: string;
  readonly tenantId: string;
  readonly gateway: string;
  /** Charged by automatic top-ups. */
  readonly isDefault: boolean;
  readonly createdAt: Date;
}
