// Package classification grades clients S, A, B and C by the policy of kind `classification` (M-10 to M-21, M-26). It knows
// neither clock nor database.
//
// A Document says what clients are graded by: criteria with weights that sum to 100 percent, thresholds, a hysteresis and
// the strategic-fit gate. Document.Check says what forbids its publication; Compile makes the Policy, which scores a client
// and proposes a class. Who decides on the proposal is a matter of the approval chain that the policy names.
//
// Arithmetic. A criterion is a whole number from 0 to 100; weights are whole percent. So points are counted in hundredths
// and exact: nothing is rounded, and the parts of a score add up to it.
//
// Borders. Between two neighbouring classes lies a border, the threshold of the better one. A client without a class is on
// the better side from the threshold on. Whoever has a class crosses a border upwards at the threshold plus the hysteresis,
// and downwards below the threshold less the hysteresis; each border is judged by itself. The gate comes last and has no
// hysteresis: what it forbids no score, no present class and no proposal by hand can bring about (M-13).
//
// ABC and Pareto show where the sales are (M-20, M-21). They stand beside the class and never decide it.
package classification
