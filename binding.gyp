{
  "variables": {
    "bench%": 0,
    "bench_defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
    "bench_flags": [
      "-std=c++20", "-O3", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-fno-plt",
      "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-cast-function-type"
    ]
  },
  "targets": [
    {
      "target_name": "millrace",
      "sources": [
        "native/addon.cc",
        "<!@(ls native/api/*.cc native/engine/*/*.cc)"
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED"
      ],
      "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
      "cflags_cc": [
        "-std=c++20", "-O3", "-flto", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-fno-plt",
        "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-cast-function-type"
      ],
      "ldflags": ["-flto", "-O3", "-Wl,-O1", "-Wl,--gc-sections"],
      "cflags": ["-ffunction-sections"]
    }
  ],
  "conditions": [
    # The load generator and the origin of bench/load: built by bench/build.mjs, no part of an installation.
    ["bench==1", {
      "targets": [
        {
          "target_name": "millrace_load",
          "sources": ["bench/load/load_addon.cc", "<!@(ls bench/load/common/*.cc bench/load/generator/*.cc)"],
          "include_dirs": ["bench/load", "native", "<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["<@(bench_defines)"],
          "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
          "cflags_cc": ["<@(bench_flags)"]
        },
        {
          "target_name": "millrace_origin",
          "sources": ["bench/load/origin_addon.cc", "<!@(ls bench/load/common/*.cc bench/load/origin/*.cc)"],
          "include_dirs": ["bench/load", "native", "<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["<@(bench_defines)"],
          "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
          "cflags_cc": ["<@(bench_flags)"]
        },
        # The proxy's own addon with the listener of bench/spike in it: same sources, same flags.
        {
          "target_name": "millrace_spike",
          "sources": ["<!@(ls bench/spike/native/*.cc native/api/*.cc native/engine/*/*.cc)"],
          "include_dirs": ["native", "bench/spike/native", "<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["<@(bench_defines)"],
          "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
          "cflags_cc": ["<@(bench_flags)", "-flto", "-ffp-contract=off"],
          "ldflags": ["-flto", "-O3", "-Wl,-O1", "-Wl,--gc-sections"],
          "cflags": ["-ffunction-sections"]
        }
      ]
    }]
  ]
}
