// Cepstral mean and variance normalisation with Kaldi's statistics: a 2 x (D + 1) matrix of
// doubles, row 0 the sums and the number of frames, row 1 the sums of squares and 0.
#ifndef U2MOE_FEAT_CMVN_H_
#define U2MOE_FEAT_CMVN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "table/kaldi-tables.h"
#include "tensor/view.h"

namespace u2moe {

// Adds the frames of feats [T, D] to *stats; empty stats become 2 x (D + 1) first. weights, if
// given, are the share of a frame that each of the T frames counts for; one of weight 0 may hold
// anything. Throws DataError if D differs from the statistics' dimension, or T from the number of
// weights, or if a feature is not finite; then *stats stay as they were.
void AccumulateCmvn(ConstView feats, DoubleMatrix *stats,
                    const std::vector<float> *weights = nullptr);

// Adds stats to *sum; an empty sum becomes a copy. Throws DataError if the dimensions differ.
void AddCmvnStats(const DoubleMatrix &stats, DoubleMatrix *sum);

// "13:14:15" is {13, 14, 15}; "" is none. Throws UsageError, naming `where`, for anything else.
std::vector<int32_t> ParseSkipDims(const std::string &text, const std::string &where);

// Gives the dimensions statistics of mean 0 and variance 1, so that normalising leaves them as they
// are. Throws DataError if stats are not 2 x (D + 1) or have no such dimension.
void FakeCmvnStats(const std::vector<int32_t> &dims, DoubleMatrix *stats);

// [2, D]: the mean and the variance of each dimension. Throws DataError for other shapes of stats
// and a count that is not positive.
DoubleMatrix MeanAndVariance(const DoubleMatrix &stats);

// y = (x - mean) / deviation per dimension, both in double. The variance is floored at 1e-20.
struct CmvnTransform {
  std::vector<double> mean;   // [D]
  std::vector<double> scale;  // [D], 1 / deviation; 1 without normalisation of variances

  // The dimensions skip_dims are left as they are. Without norm_vars the row of squares may be
  // missing, as in Kaldi. Throws DataError if stats are no CMVN statistics, hold no frame or
  // numbers that are not finite, or have no dimension that is to be skipped. norm_vars needs
  // norm_means.
  CmvnTransform(const DoubleMatrix &stats, bool norm_means, bool norm_vars,
                const std::vector<int32_t> &skip_dims = {});

  // feats [T, D] in place: normalises, or with reverse undoes it. Throws DataError if D differs.
  void Apply(bool reverse, View feats) const;
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_CMVN_H_
