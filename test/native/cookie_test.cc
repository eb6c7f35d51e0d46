#include "engine/http/cookie.h"

#include <string>
#include <vector>

#include "harness.h"

using namespace millrace;

namespace {

std::string find(const std::vector<std::string>& lines, std::string_view name) {
  std::vector<HeaderSlice> fields{{"accept", "sid=no"}};
  for (const std::string& line : lines) fields.push_back({"cookie", line});
  fields.push_back({"cookies", "late=no"});
  const std::optional<std::string_view> value = cookieValue(fields, name);
  return value.has_value() ? "=" + std::string(*value) : "none";
}

}  // namespace

CASE("a cookie is found among others, in any line") {
  EXPECT_EQ(find({"sid=a"}, "sid"), "=a");
  EXPECT_EQ(find({"x=1; sid=a; y=2"}, "sid"), "=a");
  EXPECT_EQ(find({"x=1", "y=2; sid=a"}, "sid"), "=a");
  EXPECT_EQ(find({"x=1;sid=a;y=2"}, "y"), "=2");
  EXPECT_EQ(find({"\tx =1 ;  sid\t= a b \t; y=2"}, "sid"), "=a b");
  EXPECT_EQ(find({"x=1;  y=2"}, "x"), "=1");
}

CASE("the first of several wins") {
  EXPECT_EQ(find({"sid=a; sid=b"}, "sid"), "=a");
  EXPECT_EQ(find({"sid=a", "sid=b"}, "sid"), "=a");
}

CASE("only the whole name, in its case, is the cookie") {
  EXPECT_EQ(find({"xsid=1; sidx=2; SID=3; si=4"}, "sid"), "none");
  EXPECT_EQ(find({"x=sid=1"}, "sid"), "none");
  EXPECT_EQ(find({"x=\"; sid=1"}, "sid"), "=1");
  EXPECT_EQ(find({}, "sid"), "none");
  EXPECT_EQ(find({"", ";;; ;"}, "sid"), "none");
  EXPECT_EQ(find({}, "late"), "none");
}

CASE("values are taken as they are") {
  EXPECT_EQ(find({"sid=\"a b\""}, "sid"), "=\"a b\"");
  EXPECT_EQ(find({"sid=a=b=="}, "sid"), "=a=b==");
  EXPECT_EQ(find({"sid="}, "sid"), "=");
  EXPECT_EQ(find({"sid=;"}, "sid"), "=");
  EXPECT_EQ(find({"sid=a,b"}, "sid"), "=a,b");
}

CASE("what is no pair is passed over") {
  EXPECT_EQ(find({"sid; =x; sid=a"}, "sid"), "=a");
  EXPECT_EQ(find({"sid"}, "sid"), "none");
  EXPECT_EQ(find({"sid ; x"}, "sid"), "none");
}
