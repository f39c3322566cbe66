/** What an open event stream listens to: a nudge that a resource changed. The stream then reads the resource itself. */
export interface LiveUpdates {
  /** @returns the function that ends the subscription. */
  subscribe(resourceId: string, onChange: () => void): () => void;
}
