// Parity with WeNet on every golden model: encoder, CTC and decoder outputs, routing, streaming
// caches.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "model/golden.h"
#include "ops/softmax.h"

namespace u2moe {
namespace {

class GoldenModelTest : public testing::TestWithParam<std::string> {
 protected:
  GoldenModelTest() : golden_(GetParam()) {}

  Tensor Encode(ConstView feats, const AttentionMask &mask, RouteSink *routes = nullptr) const {
    ForwardMode mode;
    mode.mask = mask;
    mode.routes = routes;
    Tensor out;
    RaggedShape shape;
    golden_.model->Encoder().Forward(ctx_, mode, feats, RaggedShape::Single(feats.Rows()), &out,
                                     &shape, nullptr, nullptr);
    return out;
  }

  // Chunk by chunk with caches, as WeNet's forward_chunk_by_chunk.
  Tensor Stream(ConstView feats, int64_t chunk, int64_t left) const {
    const Encoder &encoder = golden_.model->Encoder();
    StreamState state = encoder.NewStream();
    ForwardMode mode;
    mode.streams = {&state};
    mode.max_cache = left < 0 ? -1 : chunk * left;
    Tensor out(encoder.OutLength(feats.Rows()), golden_.model->Config().encoder.model_dim);
    const int64_t shift = chunk * encoder.SubsamplingRate();
    int64_t done = 0;
    for (int64_t begin = 0; done < out.Rows(); begin += shift) {
      const int64_t length = std::min(encoder.WindowLength(chunk), feats.Rows() - begin);
      Tensor y;
      RaggedShape shape;
      encoder.Forward(ctx_, mode, feats.RowRange(begin, length), RaggedShape::Single(length), &y,
                      &shape, nullptr, nullptr);
      for (int64_t i = 0; i < y.Rows(); ++i)
        std::copy_n(y.View().Row(i), y.Cols(), out.View().Row(done + i));
      done += y.Rows();
    }
    return out;
  }

  template <class Fn>
  void CheckArchive(const std::string &feats, const std::string &encoder_file,
                    const std::string &ctc_file, Fn encode) {
    std::map<std::string, Tensor> want_ctc;
    if (!ctc_file.empty()) {
      for (auto &[key, t] : ReadArchive(golden_.dir + "/" + ctc_file)) want_ctc[key] = t;
    }
    std::map<std::string, Tensor> inputs;
    for (auto &[key, t] : ReadArchive(golden_.dir + "/" + feats)) inputs[key] = t;
    double worst = 0, worst_ctc = 0;
    int n = 0;
    for (const auto &[key, want] : ReadArchive(golden_.dir + "/" + encoder_file)) {
      const Tensor got = encode(inputs.at(key));
      ASSERT_EQ(got.Rows(), want.Rows()) << key;
      worst = std::max(worst, MaxAbsDiff(got, want));
      if (!ctc_file.empty()) {
        worst_ctc = std::max(worst_ctc,
                             MaxAbsDiff(golden_.model->CtcLogProbs(ctx_, got), want_ctc.at(key)));
      }
      ++n;
    }
    EXPECT_GT(n, 0);
    const double atol = golden_.Atol(encoder_file);
    std::printf("  %s/%s: worst %.2e (atol %.0e)\n", golden_.name.c_str(), encoder_file.c_str(),
                worst, atol);
    EXPECT_LE(worst, atol) << encoder_file;
    if (ctc_file.empty()) return;
    std::printf("  %s/%s: worst %.2e (atol %.0e)\n", golden_.name.c_str(), ctc_file.c_str(),
                worst_ctc, golden_.Atol(ctc_file));
    EXPECT_LE(worst_ctc, golden_.Atol(ctc_file)) << ctc_file;
  }

  GoldenModel golden_;
  Context ctx_;
};

TEST_P(GoldenModelTest, WholeUtterance) {
  CheckArchive("feats.ark", "enc_offline.ark", "ctc_offline.ark",
               [&](const Tensor &x) { return Encode(x, AttentionMask::Full()); });
  CheckArchive("edge_feats.ark", "edge_enc_offline.ark", "",
               [&](const Tensor &x) { return Encode(x, AttentionMask::Full()); });
}

TEST_P(GoldenModelTest, PackedWeightsChangeNothing) {
  const auto feats = ReadArchive(golden_.dir + "/feats.ark");
  const Tensor before = Encode(feats[0].second, AttentionMask::Full());
  golden_.model->PrepareForInference(ctx_);
  EXPECT_EQ(MaxAbsDiff(before, Encode(feats[0].second, AttentionMask::Full())), 0);
}

TEST_P(GoldenModelTest, RaggedBatchEqualsSingles) {
  const auto feats = ReadArchive(golden_.dir + "/feats.ark");
  RaggedShape shape;
  for (const auto &[key, x] : feats) shape.Append(x.Rows());
  Tensor all(shape.TotalRows(), feats[0].second.Cols());
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const Tensor &x = feats[static_cast<size_t>(b)].second;
    std::copy_n(x.Data(), x.Size(), shape.Rows(all.View(), b).Data());
  }
  Tensor out;
  RaggedShape out_shape;
  golden_.model->Encoder().Forward(ctx_, ForwardMode(), all, shape, &out, &out_shape, nullptr,
                                   nullptr);
  for (int b = 0; b < shape.NumSequences(); ++b) {
    const Tensor single = Encode(feats[static_cast<size_t>(b)].second, AttentionMask::Full());
    EXPECT_LE(MaxAbsDiff(out_shape.Rows(out.View(), b), single), 1e-5) << b;
  }
}

TEST_P(GoldenModelTest, ChunkMasksAndStreams) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " was made for whole utterances only";
  const int64_t chunk = golden_.config["golden"]["decoding_chunk_size"];
  for (int64_t left : golden_.config["golden"]["num_decoding_left_chunks"]) {
    const std::string suffix = "_chunk" + std::to_string(chunk) + "_left" +
                               (left < 0 ? "all" : std::to_string(left)) + ".ark";
    CheckArchive("feats.ark", "enc_masked" + suffix, "ctc_masked" + suffix,
                 [&](const Tensor &x) { return Encode(x, AttentionMask::Chunk(chunk, left)); });
    CheckArchive("feats.ark", "enc_stream" + suffix, "ctc_stream" + suffix,
                 [&](const Tensor &x) { return Stream(x, chunk, left); });
  }
  CheckArchive("edge_feats.ark", "edge_enc_stream_chunk1_left1.ark", "",
               [&](const Tensor &x) { return Stream(x, 1, 1); });
}

TEST_P(GoldenModelTest, StreamsAdvanceTogetherAsAlone) {
  if (!golden_.Streams()) GTEST_SKIP() << golden_.name << " cannot stream";
  const Encoder &encoder = golden_.model->Encoder();
  const auto feats = ReadArchive(golden_.dir + "/feats.ark");
  const int64_t chunk = 2, left = 3, window = encoder.WindowLength(chunk),
                shift = chunk * encoder.SubsamplingRate();
  // Three streams that started at different times, one step of all three against one step of each.
  std::vector<StreamState> together, alone;
  Tensor batch(3 * window, feats[0].second.Cols());
  RaggedShape shape;
  ForwardMode mode;
  mode.max_cache = chunk * left;
  std::vector<Tensor> single;
  for (int b = 0; b < 3; ++b) {
    const Tensor &x = feats[static_cast<size_t>(b) + 1].second;
    StreamState state = encoder.NewStream();
    Tensor y;
    RaggedShape y_shape;
    for (int step = 0; step <= b; ++step) {
      if (step == b) together.push_back(state);
      mode.streams = {&state};
      encoder.Forward(ctx_, mode, x.View().RowRange(step * shift, window),
                      RaggedShape::Single(window), &y, &y_shape, nullptr, nullptr);
    }
    single.push_back(y);
    std::copy_n(x.View().Row(b * shift), window * x.Cols(), batch.View().Row(b * window));
    shape.Append(window);
  }
  mode.streams.clear();
  for (StreamState &s : together) mode.streams.push_back(&s);
  Tensor y;
  RaggedShape y_shape;
  encoder.Forward(ctx_, mode, batch, shape, &y, &y_shape, nullptr, nullptr);
  for (int b = 0; b < 3; ++b)
    EXPECT_LE(MaxAbsDiff(y_shape.Rows(y.View(), b), single[static_cast<size_t>(b)]), 1e-5) << b;
}

TEST_P(GoldenModelTest, Decoders) {
  const nlohmann::json hyps = ReadJson(golden_.dir + "/dec_hyps.json");
  std::map<std::string, Tensor> encoded;
  for (auto &[key, t] : ReadArchive(golden_.dir + "/enc_offline.ark")) encoded[key] = t;
  for (const bool reverse : {false, true}) {
    const std::string file = reverse ? "dec_r2l.ark" : "dec_l2r.ark";
    std::map<std::string, Tensor> want;
    for (auto &[key, t] : ReadArchive(golden_.dir + "/" + file)) want[key] = t;
    double worst = 0;
    size_t n = 0;
    for (const auto &[utt, list] : hyps.items()) {
      // All hypotheses of an utterance in one ragged batch.
      const std::vector<std::vector<int32_t>> labels = list;
      const DecoderInput input = MakeDecoderInput(labels, std::vector<int>(labels.size(), 0),
                                                  golden_.model->Config().sos, reverse);
      const Tensor &memory = encoded.at(utt);
      Tensor logits;
      const Decoder &decoder =
          reverse ? golden_.model->RightDecoder() : golden_.model->LeftDecoder();
      decoder.Forward(ctx_, input, memory, RaggedShape::Single(memory.Rows()), nullptr, nullptr,
                      &logits, nullptr);
      LogSoftmaxForward(ctx_, logits, logits);
      for (int h = 0; h < input.shape.NumSequences(); ++h, ++n) {
        worst = std::max(worst, MaxAbsDiff(input.shape.Rows(logits.View(), h),
                                           want.at(utt + "-h" + std::to_string(h))));
      }
    }
    EXPECT_EQ(n, want.size());
    std::printf("  %s/%s: worst %.2e (atol %.0e)\n", golden_.name.c_str(), file.c_str(), worst,
                golden_.Atol(file));
    EXPECT_LE(worst, golden_.Atol(file));
  }
}

struct Recorder : RouteSink {
  struct Call {
    Tensor logits;
    std::vector<int32_t> experts;
    std::vector<float> gates;
  };
  std::vector<Call> calls;
  void OnRoute(ConstView logits, const std::vector<int32_t> &experts,
               const std::vector<float> &gates) override {
    calls.push_back({Tensor::Copy(logits), experts, gates});
  }
};

TEST_P(GoldenModelTest, Routing) {
  if (golden_.model->Config().encoder.ffn.num_experts == 0)
    GTEST_SKIP() << golden_.name << " has no experts";
  const nlohmann::json selected = ReadJson(golden_.dir + "/moe/experts.json")["selected"];
  const auto check = [&](const std::string &layer, const std::string &key,
                         const Recorder::Call &call, ConstView rows, int64_t begin) {
    const std::vector<std::vector<int32_t>> want = selected.at(layer).at(key);
    ASSERT_EQ(static_cast<int64_t>(want.size()), rows.Rows()) << layer << " " << key;
    for (size_t t = 0; t < want.size(); ++t) {
      for (size_t k = 0; k < want[t].size(); ++k) {
        EXPECT_EQ(call.experts[(static_cast<size_t>(begin) + t) * want[t].size() + k], want[t][k])
            << layer << " " << key << " row " << t;
      }
    }
  };
  const int blocks = golden_.model->Config().encoder.num_blocks;
  std::map<std::string, Tensor> encoded;
  int checked = 0;
  for (const auto &[key, x] : ReadArchive(golden_.dir + "/feats.ark")) {
    Recorder recorder;
    encoded[key] = Encode(x, AttentionMask::Full(), &recorder);
    ASSERT_EQ(recorder.calls.size(), static_cast<size_t>(2 * blocks));
    for (int i = 0; i < 2 * blocks; ++i, ++checked) {
      const std::string layer = "encoder.encoders." + std::to_string(i / 2) +
                                (i % 2 ? ".feed_forward" : ".feed_forward_macaron");
      const Recorder::Call &call = recorder.calls[static_cast<size_t>(i)];
      check(layer, key, call, call.logits, 0);
      for (const char *what : {"router", "gates"}) {
        const std::string file = std::string("moe/") + layer + "." + what + ".ark";
        RandomAccessMatrixReader reader("ark:" + golden_.dir + "/" + file);
        ConstView got = call.logits;
        if (what[0] == 'g')
          got = ConstView(call.gates.data(), call.logits.Rows(),
                          static_cast<int64_t>(call.gates.size()) / call.logits.Rows());
        EXPECT_LE(MaxAbsDiff(got, reader.Value(key)), golden_.Atol(file)) << file << " " << key;
      }
    }
  }
  const nlohmann::json hyps = ReadJson(golden_.dir + "/dec_hyps.json");
  for (const bool reverse : {false, true}) {
    const Decoder &decoder = reverse ? golden_.model->RightDecoder() : golden_.model->LeftDecoder();
    for (const auto &[utt, list] : hyps.items()) {
      const std::vector<std::vector<int32_t>> labels = list;
      const DecoderInput input = MakeDecoderInput(labels, std::vector<int>(labels.size(), 0),
                                                  golden_.model->Config().sos, reverse);
      Recorder recorder;
      Tensor logits;
      decoder.Forward(ctx_, input, encoded.at(utt), RaggedShape::Single(encoded.at(utt).Rows()),
                      nullptr, &recorder, &logits, nullptr);
      for (size_t i = 0; i < recorder.calls.size(); ++i) {
        const std::string layer = std::string("decoder.") + (reverse ? "right" : "left") +
                                  "_decoder.decoders." + std::to_string(i) + ".feed_forward";
        for (int h = 0; h < input.shape.NumSequences(); ++h, ++checked) {
          check(layer, utt + "-h" + std::to_string(h), recorder.calls[i],
                input.shape.Rows(recorder.calls[i].logits.View(), h), input.shape.Begin(h));
        }
      }
    }
  }
  EXPECT_EQ(checked, 4 * 2 * blocks + 2 * 2 * 12);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenModelTest, testing::ValuesIn(GoldenModelNames()),
                         [](const auto &info) { return info.param; });

}  // namespace
}  // namespace u2moe
