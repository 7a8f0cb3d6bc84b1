#include "modelfile/param-count.h"

#include <gtest/gtest.h>

#include "support/small-model.h"

namespace u2moe {
namespace {

TEST(ParamCounts, AddUp) {
  for (int experts : {0, 5}) {
    ModelOptions o = SmallModelOptions(2, experts);
    o.model_dim = 8, o.hidden_dim = 6, o.reverse_decoder_blocks = 2;
    o.decoder_experts_per_frame = 3;
    AsrModel model(o.Config());
    const ParamCounts n = CountParams(&model);
    EXPECT_EQ(n.total, model.NumParams());
    EXPECT_EQ(n.total, n.encoder + n.ctc + n.left_decoder + n.right_decoder);
    EXPECT_EQ(n.active_per_frame + n.active_left + n.active_right, model.NumActiveParams());
    EXPECT_EQ(n.gate, experts * 8 * (2 * 2 + 3));
    // Of 5 experts, 2 work in the 4 mixtures of the encoder, 3 in the 3 of the decoders.
    const int64_t expert = 2 * 8 * 6 + 6 + 8, idle = experts > 0 ? 4 * 3 + 3 * 2 : 0;
    EXPECT_EQ(n.total - model.NumActiveParams(), idle * expert);
  }
}

}  // namespace
}  // namespace u2moe
