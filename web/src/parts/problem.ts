/** Errors of the node as it words them. */

export async function detailOf(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as {
      readonly detail?: string;
      readonly title?: string;
    };
    return problem.detail ?? problem.title ?? `The node answered ${response.status}.`;
  } catch {
    return `The node answered ${response.status}.`;
  }
}
