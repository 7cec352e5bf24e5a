/** Why a site that survives `mutate --auto` is no finding, by its name. A survivor that is not here is a finding. */
export const AUTO_REASONS: Readonly<Record<string, string>> = {};
